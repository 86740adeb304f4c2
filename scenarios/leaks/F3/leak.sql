-- A copy of all rows, to which no policy applies.
create materialized view pet_list as
    select id, name, keeper from pets;

grant select on pet_list to role_readwrite;
