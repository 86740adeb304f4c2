-- Reads with the owner's rights, so that no policy binds it.
create view pet_list as
    select id, name, keeper from pets;

grant select on pet_list to role_readwrite;
